"""HTTP to addresses that others chose: carriers, apps' webhook endpoints, recordings."""
