"""What is seen: widgets that show models and pass on what the hand does."""
