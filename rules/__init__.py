"""What the words mean: pure functions over plain values, the same in the durable and in the paper world."""
