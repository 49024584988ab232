// The start token works once; it does not belong into the history or a screenshot of the address.
history.replaceState(null, "", location.pathname);
