export type { ContainerIdentity, PodIdentity } from './brokers/pod-identity.js';
export { realClock, VirtualClock } from './clock.js';
export type { Call, Fault, Kill } from './faults.js';
export { type Authorise, createSandbox, type NewPod, Sandbox, type SandboxOptions } from './sandbox.js';
export { checkScenario, loadScenario, parseScenario, type Scenario } from './scenario.js';
export { kubeconfigFor, type Served, type ServeOptions, serve } from './serve.js';
export type { Settings } from './settings.js';
export { twinOf } from './twin.js';
