import type { Json, JsonObject } from '../model/json.js';
import type { Account, World } from './aws/account.js';
import { shownTrust } from './aws/role-trust.js';

const parsed = (text: string): Json => {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
};
const documents = (texts: Readonly<Record<string, string>>): JsonObject =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, parsed(text)]));

const account = (world: World, each: Account): JsonObject => ({
  roles: Object.fromEntries(
    each.roles.values().map((role) => [
      role.name,
      {
        path: role.path,
        trust: parsed(shownTrust(world, role)),
        attached: [...role.attached].sort(),
        inline: documents(role.inline),
        boundary: role.boundary,
        description: role.description,
        maxSessionSeconds: role.maxSessionSeconds,
        tags: role.tags,
      },
    ]),
  ),
  policies: Object.fromEntries(
    each.policies
      .values()
      .map((policy) => [policy.arn, { document: parsed(policy.versions.at(-1)?.document ?? ''), tags: policy.tags }]),
  ),
  providers: Object.fromEntries(
    each.providers.values().map((provider) => [provider.url, { audiences: provider.audiences, tags: provider.tags }]),
  ),
  clusters: Object.fromEntries(
    each.clusters.values().map((cluster) => [
      `${cluster.region}/${cluster.name}`,
      {
        associations: Object.fromEntries(
          Object.entries(cluster.associations)
            .sort(([left], [right]) => (left < right ? -1 : 1))
            .map(([key, one]) => [
              key,
              {
                role: one.role,
                targetRole: one.targetRole,
                disableSessionTags: one.disableSessionTags,
                owned: one.ownerArn !== null,
                tags: one.tags,
              },
            ]),
        ),
        addons: Object.fromEntries(
          Object.values(cluster.addons)
            .filter((addon) => addon.busy !== 'DELETING')
            .map((addon) => [addon.name, { version: addon.version, role: addon.role }]),
        ),
      },
    ]),
  ),
});

/** All accounts without what AWS makes up: ids, times, the serial numbers of policy versions. S3 is left out: it holds the tool's own state. */
export const canonicalAws = (world: World): JsonObject =>
  Object.fromEntries([...world.accounts].map(([id, each]) => [id, account(world, each)]));
