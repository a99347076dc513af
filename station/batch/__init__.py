"""Units provisioned by a list of their chipIds and appEuis, without a jig: activated and bound, their boards written later."""
