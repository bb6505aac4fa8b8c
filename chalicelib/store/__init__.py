"""Everything that is kept: the only package that imports boto3."""
