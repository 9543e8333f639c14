import { RoleliftError, textOf } from '../model/error.js';
import { signedAnew } from './clock-skew.js';

export interface S3Options {
  readonly bucket: string;
  readonly region: string;
  readonly profile?: string | undefined;
}

interface Answer {
  readonly Body?: { transformToString(): Promise<string> };
  readonly ETag?: string;
  readonly Contents?: readonly { readonly Key?: string }[];
  readonly NextContinuationToken?: string;
}
interface Failure {
  readonly name?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const statusOf = (thrown: unknown): number => (thrown as Failure).$metadata?.httpStatusCode ?? 0;

/**
 * Objects in S3, or in what speaks its language, with conditional writes (`If-Match`, `If-None-Match`, S3 User Guide). Rejects with
 * RL715. A write without answer is not repeated here: the journal reads before it writes again.
 */
export const s3ObjectStore = async (options: S3Options) => {
  const { S3Client, GetObjectCommand, PutObjectCommand, ListObjectsV2Command } = await import('@aws-sdk/client-s3');
  const { fromIni } = await import('@aws-sdk/credential-providers');
  const endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  const client = new S3Client({
    region: options.region,
    // Reads are retried by us below; a conditional write answers 409 and 412 by itself.
    maxAttempts: 1,
    forcePathStyle: endpoint !== undefined,
    ...(options.profile === undefined ? {} : { credentials: fromIni({ profile: options.profile }) }),
  });
  const where = `s3://${options.bucket}`;
  const failed = (what: string, thrown: unknown): RoleliftError =>
    new RoleliftError(
      {
        code: 'RL715',
        message: `${what} in ${where} failed`,
        cause: textOf(thrown),
        remedy:
          'Check the bucket, its region and the permission (s3:GetObject, s3:PutObject, s3:ListBucket); then run the same command again.',
        fault: 'remote',
      },
      { because: thrown },
    );
  const reading = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await signedAnew(work);
      } catch (thrown) {
        const status = statusOf(thrown);
        if (tries >= 4 || (status !== 0 && status < 500 && status !== 429)) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, 200 * 2 ** tries));
      }
    }
  };
  return {
    where,
    async get(key: string): Promise<{ readonly body: string; readonly etag: string } | null> {
      try {
        return await reading(async () => {
          const answer = (await client.send(new GetObjectCommand({ Bucket: options.bucket, Key: key }))) as Answer;
          return { body: (await answer.Body?.transformToString()) ?? '', etag: answer.ETag ?? '' };
        });
      } catch (thrown) {
        if (statusOf(thrown) === 404 && (thrown as Failure).name !== 'NoSuchBucket') return null;
        throw failed(`reading ${key}`, thrown);
      }
    },
    async put(
      key: string,
      body: string,
      condition?: { readonly ifNoneMatch: '*' } | { readonly ifMatch: string },
    ): Promise<{ readonly etag: string } | 'conflict'> {
      try {
        const input = {
          Bucket: options.bucket,
          Key: key,
          Body: body,
          ContentType: 'application/json',
          ...(condition === undefined
            ? {}
            : 'ifNoneMatch' in condition
              ? { IfNoneMatch: '*' }
              : { IfMatch: condition.ifMatch }),
        };
        const answer = (await signedAnew(() => client.send(new PutObjectCommand(input)))) as Answer;
        return { etag: answer.ETag ?? '' };
      } catch (thrown) {
        if ([409, 412].includes(statusOf(thrown))) return 'conflict';
        throw failed(`writing ${key}`, thrown);
      }
    },
    async list(prefix: string): Promise<readonly string[]> {
      const keys: string[] = [];
      let token: string | undefined;
      do {
        const from = token;
        const answer = await reading(
          async () =>
            (await client.send(
              new ListObjectsV2Command({ Bucket: options.bucket, Prefix: prefix, ContinuationToken: from }),
            )) as Answer,
        ).catch((thrown: unknown) => {
          throw failed(`listing ${prefix}`, thrown);
        });
        for (const { Key } of answer.Contents ?? []) if (Key !== undefined) keys.push(Key);
        token = answer.NextContinuationToken;
      } while (token !== undefined);
      return keys;
    },
  };
};
