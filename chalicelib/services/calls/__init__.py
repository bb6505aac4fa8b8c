"""Events in: whose each is, stored and charged; recordings, exports, what is missing."""
