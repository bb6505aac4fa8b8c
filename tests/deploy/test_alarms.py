"""A deployment says when its alarms reach nobody, and why."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from infra.alarms import nobody_hears

TOPIC = "arn:aws:sns:eu-west-1:123456789012:oncall"


@pytest.fixture
def sns() -> Iterator[Stubber]:
    with Stubber(boto3.client("sns", region_name="eu-west-1")) as stubbed:
        yield stubbed


def test_without_a_topic(sns: Stubber) -> None:
    assert "ALARM_TOPIC=" in nobody_hears(sns.client, "")


@pytest.mark.parametrize(
    ("subscriptions", "said"),
    [
        ([], "nobody has subscribed"),
        (["PendingConfirmation", "Deleted"], "nobody has confirmed"),
        (["PendingConfirmation", f"{TOPIC}:1"], ""),
    ],
)
def test_with_a_topic(sns: Stubber, subscriptions: list[str], said: str) -> None:
    described = [{"SubscriptionArn": each, "TopicArn": TOPIC} for each in subscriptions]
    sns.add_response("list_subscriptions_by_topic", {"Subscriptions": described})
    why = nobody_hears(sns.client, TOPIC)
    assert said in why
    assert bool(why) == bool(said)


def test_with_a_topic_that_is_not_there(sns: Stubber) -> None:
    sns.add_client_error("list_subscriptions_by_topic", "NotFound", "Topic does not exist")
    assert "Topic does not exist" in nobody_hears(sns.client, TOPIC)
