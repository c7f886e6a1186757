// One upload by the library that the page has loaded; README.rst says what it is told and what it tells.
'use strict';

// The three have nearly one interface. simple-uploader.js tells observers of a file the folder that it belongs to first.
const LIBRARIES = {
  resumable: {make: (options) => new Resumable(options), added: 'filesAdded', pause: (file) => { file.pause(true); file.abort(); }},
  flow: {make: (options) => new Flow(options), added: 'filesSubmitted', pause: (file) => file.pause()},
  simple: {make: (options) => new Uploader(options), added: 'filesSubmitted', pause: (file) => file.pause(), hasFolder: true},
};

function say(event, fields) {
  return fetch('said', {method: 'POST', body: JSON.stringify({event, ...fields})});
}

// What cannot be loaded is an error, too, which does not bubble.
window.addEventListener('error', (event) => say('broken', {message: event.message || event.target.src}), true);
window.addEventListener('unhandledrejection', (event) => say('broken', {message: String(event.reason)}));

function headerOf(file, name) {
  return file.chunks.map((chunk) => chunk.xhr && chunk.xhr.getResponseHeader(name)).find(Boolean);
}

async function main() {
  const job = await (await fetch('job')).json();
  const content = await (await fetch('content')).blob();
  const library = LIBRARIES[job.library];
  const uploader = library.make(job.options);
  const on = (event, callback) => uploader.on(event, (...given) => { callback(...given.slice(library.hasFolder ? 1 : 0)); });
  document.cookie = job.cookie;

  let stopped = false;
  on('fileProgress', (file) => {
    const stored = file.chunks.filter((chunk) => chunk.status() === 'success').length;
    if (!stopped && job.stop_after && stored >= job.stop_after) {
      stopped = true;
      library.pause(file);
      say('stopped', {stored});
    }
  });
  on('fileSuccess', (file) => {
    const answers = file.chunks.map((chunk) => chunk.message());
    say('completed', {answers, checksum: headerOf(file, 'Resumable-File-Checksum')});
  });
  on('fileError', (file, message) => say('failed', {message}));
  uploader.on(library.added, () => uploader.upload());
  uploader.addFile(new File([content], job.file_name, {type: job.type}));
}

window.addEventListener('load', main);
