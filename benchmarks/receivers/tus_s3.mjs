// @tus/server with its store in S3: `node tus_s3.mjs ENDPOINT BUCKET` prints its port.
import {S3Store} from '@tus/s3-store'
import {Server} from '@tus/server'

const [endpoint, bucket] = process.argv.slice(2)
const {AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey} = process.env
const datastore = new S3Store({
  partSize: 8 * 1024 * 1024,
  s3ClientConfig: {
    bucket, endpoint, region: 'us-east-1', forcePathStyle: true, credentials: {accessKeyId, secretAccessKey},
  },
})
const server = new Server({path: '/', datastore})
const listening = server.listen({host: '127.0.0.1', port: 0}, () => {
  console.log(listening.address().port)
})
