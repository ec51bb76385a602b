"""Pictures drawn from the same model that the rest of finwait works with."""
