"""Whether anybody hears of an alarm."""

from typing import Any

from botocore.exceptions import ClientError


def nobody_hears(sns: Any, topic: str) -> str:
    """Why the alarms that go to this topic (its ARN; empty for none) reach nobody; empty if they
    reach somebody."""
    if not topic:
        return "no topic is given: make deploy ... ALARM_TOPIC=<ARN of an SNS topic>"
    try:
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        subscribed = [each for page in pages for each in page["Subscriptions"]]
    except ClientError as error:
        return f"{topic} can't be looked at: {error.response['Error']['Message']}"
    # Until somebody confirms it, a subscription has a word in the place of its ARN.
    if any(each["SubscriptionArn"].startswith("arn:") for each in subscribed):
        return ""
    if subscribed:
        return f"nobody has confirmed a subscription of {topic} yet"
    return f"nobody has subscribed to {topic}"
