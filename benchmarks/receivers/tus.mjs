// @tus/server with its store of files: `node tus.mjs FOLDER` prints its port.  It does not wait for the disk.
import {FileStore} from '@tus/file-store'
import {Server} from '@tus/server'

const server = new Server({path: '/', datastore: new FileStore({directory: process.argv[2]})})
const listening = server.listen({host: '127.0.0.1', port: 0}, () => {
  console.log(listening.address().port)
})
