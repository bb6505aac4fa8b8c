"""NetEase: number privacy (AXB), dedicated-line calls (ECP), one-click login, messaging."""
