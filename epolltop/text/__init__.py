"""Text for people: made safe, made readable, made to fit."""
