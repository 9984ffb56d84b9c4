/** Client and worker in one process, with the option `streaming`: prints `data` for each piece as it comes, then `end`. */
import abraxas from 'abraxas';
import { bytes, port, say } from './script.mjs';

function connect() {
  return new Promise((resolve, reject) => {
    const options = { servers: [`127.0.0.1:${port}`], streaming: true };
    abraxas.Client.connect(options, (error, client) =>
      error === null ? resolve(client) : reject(new Error(String(error))),
    );
  });
}

const [client, worker] = [await connect(), await connect()];
let goOn = () => {};
const heard = new Promise((resolve) => {
  goOn = resolve;
});
worker.registerWorkerStream('slow', (task) => {
  task.write('first');
  // Ends only when the client has the first piece.
  void heard.then(() => task.end('last'));
});

const task = client.submitJob('slow', {}, 'x');
task.on('data', (chunk) => {
  say('data', bytes(chunk));
  goOn();
});
task.once('end', () => say('end'));
task.once('error', (error) => say('fail', { message: String(error) }));
