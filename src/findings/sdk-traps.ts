import type { Mechanism } from '../model/words.js';

export interface SdkTrap {
  /** SDKs, as `sdkMinimums` names them. */
  readonly sdks: readonly string[];
  readonly mechanism: Mechanism;
  readonly trap: string;
  readonly check: string;
  readonly source: string;
}

/** What goes wrong although the version is new enough, with how to find out before the restart does. */
export const sdkTraps: readonly SdkTrap[] = [
  {
    sdks: ['java-v1', 'java-v2'],
    mechanism: 'irsa',
    trap: "web identity needs the SDK's STS module on the class path; without it the source is passed over",
    check: 'look for aws-java-sdk-sts or software.amazon.awssdk:sts among the jars of the image',
    source: 'EKS User Guide, use a supported AWS SDK',
  },
  {
    sdks: ['dotnet'],
    mechanism: 'irsa',
    trap: 'web identity needs the package AWSSDK.SecurityToken; without it the source is passed over',
    check: 'look for AWSSDK.SecurityToken.dll in the image',
    source: 'EKS User Guide, use a supported AWS SDK',
  },
  {
    sdks: ['dotnet'],
    mechanism: 'irsa',
    trap: 'version 3 takes web identity even before static keys in the environment',
    check: 'see whether the container sets AWS_ACCESS_KEY_ID, and which of the two it is meant to use',
    source: 'aws-sdk-net v3, FallbackCredentialsFactory',
  },
  {
    sdks: ['js-v2'],
    mechanism: 'pod-identity',
    trap: 'only localhost, 127.0.0.1 and 169.254.170.23 are allowed as addresses of credentials: not the agent’s IPv6 address',
    check: 'on an IPv6 cluster use IRSA, or version 3 of the SDK',
    source: 'aws-sdk-js v2, lib/credentials/remote_credentials.js',
  },
  {
    sdks: ['js-v2'],
    mechanism: 'pod-identity',
    trap: 'credentials of an address come before web identity: while both are set, it is already on Pod Identity',
    check: 'nothing, where both lead to the same role',
    source: 'aws-sdk-js v2, lib/node_loader.js',
  },
  {
    sdks: ['boto3', 'botocore', 'cli-v1'],
    mechanism: 'pod-identity',
    trap: 'versions before 1.34.41 do not pass the address over but raise an error on it',
    check: 'pip show botocore, in every container of the pod',
    source: 'botocore, ContainerMetadataFetcher',
  },
];

/** What to check where the SDK is not known: one line a trap of the mechanism. */
export const trapsOf = (mechanism: Mechanism, sdk: string | null): readonly string[] =>
  sdkTraps
    .filter((each) => each.mechanism === mechanism && (sdk === null || each.sdks.includes(sdk)))
    .map(({ sdks, trap, check }) => `${sdks.join(', ')}: ${trap} (${check})`);
