"""Who answers the loop's questions, and how no answer is lost."""
