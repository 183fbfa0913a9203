"""What the views in the browser share."""
