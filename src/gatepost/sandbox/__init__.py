"""An internet in a box: DNS and receiving servers on loopback that answer as real providers do. Nothing leaves the machine."""
