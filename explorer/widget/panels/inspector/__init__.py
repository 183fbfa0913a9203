"""What is selected, explained."""
