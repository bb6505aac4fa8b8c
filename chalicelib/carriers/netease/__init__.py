"""NetEase: number privacy (AXB), spoken to its clients as their vendor does."""
