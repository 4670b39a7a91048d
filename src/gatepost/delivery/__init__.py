"""From the queue to the receiving server: routes, lanes, connections, and each recipient's answer settled."""
