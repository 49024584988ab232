"""The life of a message: ingress → turns → delivery, with timers feeding back into the inbox."""
