"""What the app decides without Qt: what is where, what is under the point, what a gesture edits."""
