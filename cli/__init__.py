"""What the command lines `admin` and `infra` share: sections, answers, failures, places."""
