"""HTTP to addresses that apps and carriers chose: never to what is not public."""
