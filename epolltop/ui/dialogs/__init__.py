"""Pages and dialogs over the main screen, until a key closes them."""
