import type { JsonObject } from './object.js';

/** A refusal as the API server words it (apimachinery `pkg/api/errors/errors.go`). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
    readonly details: JsonObject | null = null,
    readonly metadata: JsonObject = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
  status(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.metadata,
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === null ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

/** Which objects an error is about: `deployments` of group `apps`, or kind `Deployment`. */
export interface Named {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
}
const qualified = (what: { readonly group: string }, name: string): string =>
  what.group === '' ? name : `${name}.${what.group}`;
const detailsOf = (named: Named, name: string, kind = named.resource): JsonObject => ({
  ...(name === '' ? {} : { name }),
  ...(named.group === '' ? {} : { group: named.group }),
  kind,
});

export const notFound = (named: Named, name: string): ApiError =>
  new ApiError(404, 'NotFound', `${qualified(named, named.resource)} "${name}" not found`, detailsOf(named, name));
export const noSuchResource = (): ApiError =>
  new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
export const alreadyExists = (named: Named, name: string): ApiError =>
  new ApiError(
    409,
    'AlreadyExists',
    `${qualified(named, named.resource)} "${name}" already exists`,
    detailsOf(named, name),
  );
export const conflict = (named: Named, name: string, why: string): ApiError =>
  new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(named, named.resource)} "${name}": ${why}`,
    detailsOf(named, name),
  );
export const modified = 'the object has been modified; please apply your changes to the latest version and try again';
export const forbidden = (named: Named, name: string, why: string): ApiError =>
  new ApiError(
    403,
    'Forbidden',
    name === ''
      ? `${qualified(named, named.resource)} is forbidden: ${why}`
      : `${qualified(named, named.resource)} "${name}" is forbidden: ${why}`,
    detailsOf(named, name),
  );
export const badRequest = (message: string): ApiError => new ApiError(400, 'BadRequest', message);
export const unauthorized = (): ApiError => new ApiError(401, 'Unauthorized', 'Unauthorized');
export const methodNotAllowed = (): ApiError =>
  new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
export const expired = (message: string, metadata: JsonObject = {}): ApiError =>
  new ApiError(410, 'Expired', message, null, metadata);
export const unsupportedMediaType = (accepted: readonly string[]): ApiError =>
  new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
export const notAcceptable = (accepted: readonly string[]): ApiError =>
  new ApiError(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);

/** One thing wrong with an object (apimachinery `pkg/util/validation/field`). */
export interface FieldError {
  readonly reason: 'FieldValueInvalid' | 'FieldValueRequired' | 'FieldValueForbidden' | 'FieldValueNotSupported';
  readonly field: string;
  readonly message: string;
}
const valueText = (value: unknown): string =>
  value === undefined ? 'null' : typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value);
export const invalidField = (field: string, value: unknown, why: string): FieldError => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${valueText(value)}: ${why}`,
});
export const requiredField = (field: string, why = ''): FieldError => ({
  reason: 'FieldValueRequired',
  field,
  message: why === '' ? 'Required value' : `Required value: ${why}`,
});
export const forbiddenField = (field: string, why: string): FieldError => ({
  reason: 'FieldValueForbidden',
  field,
  message: `Forbidden: ${why}`,
});
export const invalid = (named: Named, name: string, errors: readonly FieldError[]): ApiError => {
  const lines = errors.map((error) => `${error.field}: ${error.message}`);
  const all = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  return new ApiError(422, 'Invalid', `${qualified(named, named.kind)} "${name}" is invalid: ${all}`, {
    ...detailsOf(named, name, named.kind),
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
};
