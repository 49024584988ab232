"""What `huifang kb eval` works out and shows besides the ranking itself."""
