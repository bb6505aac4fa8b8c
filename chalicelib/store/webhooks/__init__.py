"""What is stored of the apps' endpoints."""
