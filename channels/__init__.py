"""What a messaging platform says and accepts: pure adapters and the vocabulary they share."""
