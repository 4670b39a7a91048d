"""Pure decisions: who may send, what a reply leads to, when the next try is, who is not written to any more."""
