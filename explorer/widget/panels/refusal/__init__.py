"""Why an edit was refused, beside its control."""
