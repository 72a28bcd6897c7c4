"""Who is learned from, enrolled and asked when the loop is judged, and the figures of the field."""
