"""Our receiver: ``ours.py FOLDER`` prints its port."""

import sys

from twisted.internet import reactor

from txresumable.receiver import Store, make_site

port = reactor.listenTCP(0, make_site(Store(sys.argv[1])), interface="127.0.0.1")
print(port.getHost().port, flush=True)
reactor.run()
