import { afterAll, beforeAll, describe } from 'vitest';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { loadScenario } from '../../src/sandbox/scenario.js';
import { type Served, serve } from '../../src/sandbox/serve.js';
import { awsBehaviours } from '../parity/aws.js';
import { kubernetesBehaviours } from '../parity/kubernetes.js';
import { openServers, type Servers } from '../parity/servers.js';

describe('the sandbox answers as real servers do:', () => {
  let sandbox: Sandbox;
  let served: Served;
  let servers: Servers;
  beforeAll(async () => {
    sandbox = createSandbox({ scenario: loadScenario('demo') });
    served = await serve(sandbox);
    servers = openServers(served.env);
    await sandbox.settled();
  });
  afterAll(async () => {
    await served.close();
    sandbox.stop();
  });
  kubernetesBehaviours(() => servers);
  awsBehaviours(() => servers);
});
