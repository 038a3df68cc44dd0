"""Widgets around the tables of the main screen."""
