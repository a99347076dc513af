"""How older journals become this version's: one module per step, never changed once released."""
