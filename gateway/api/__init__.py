"""What HTTP says: routes, bodies, answers, errors."""
