"""The rhythm of boards: what displays at a site show when, and how the portal knows that they do."""
