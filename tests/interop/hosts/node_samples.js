// The Node.js samples that resumable.js and flow.js carry: `node node_samples.js ROOT resumable|flow`.
//
// The two are siblings with one interface. They store chunks, and say 'done' when the last one missing has come; the rest is here:
// chunks that come together may each be told 'done', so that a file is finished once and every 'done' waits for that, and the name
// of the finished file is its identifier. The names of the chunks are left to the sample, which looks for them in ROOT/chunks.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const express = require('express');
const multipart = require('connect-multiparty');

const FAMILIES = {
  resumable: {module: 'resumablejs/samples/Node.js/resumable-node.js', absent: 404},
  flow: {module: '@flowjs/flow.js/samples/Node.js/flow-node.js', absent: 204},
};
const [root, family] = process.argv.slice(2);
const {module: sample, absent} = FAMILIES[family];
const folder = (name) => {
  const made = path.join(root, name);
  fs.mkdirSync(made, {recursive: true});
  return made;
};
const stored = folder('stored');
const receiver = new (require(sample))(folder('chunks'));
const finished = new Map();

function finish(identifier) {
  if (!finished.has(identifier)) {
    finished.set(identifier, new Promise((resolve, reject) => {
      const name = crypto.createHash('md5').update(identifier).digest('hex');
      const part = path.join(folder('parts'), name);
      const file = fs.createWriteStream(part);
      file.on('error', reject);
      file.on('finish', () => fs.rename(part, path.join(stored, name), (error) => (error ? reject(error) : resolve())));
      receiver.write(identifier, file);
    }));
  }
  return finished.get(identifier);
}

function say(fields) {
  fs.writeSync(1, JSON.stringify(fields) + '\n');
}

function reply(req, res, status, text) {
  const fields = req.method === 'GET' ? req.query : req.body;
  const chunk = Number(fields[family + 'ChunkNumber']);
  say({method: req.method, chunk, status, text, file_name: fields[family + 'Filename']});
  res.status(status).send(text);
}

const app = express();
app.use(multipart({uploadDir: folder('incoming')}));
app.get('/upload', (req, res) => {
  receiver.get(req, (text) => (text === 'found' ? reply(req, res, 200, text) : reply(req, res, absent, text)));
});
app.post('/upload', (req, res) => {
  receiver.post(req, (text, fileName, originalName, identifier) => {
    if (text === 'done') {
      finish(identifier).then(() => reply(req, res, 200, text), (error) => reply(req, res, 500, String(error)));
    } else {
      reply(req, res, text === 'partly_done' ? 200 : 400, text);
    }
  });
});
const server = app.listen(0, '127.0.0.1', () => say({port: server.address().port}));
