const ours = /^(AWS_|KUBE|KUBERNETES_)/;
const proxies = /^(https?_proxy|no_proxy|all_proxy)$/i;

/**
 * Lets this process see a sandbox and nothing else: what the user's shell says of clusters, accounts, profiles and proxies is taken out
 * first, so that no real cluster or account can be reached and no setting changes what is shown.
 */
export const enterSandbox = (env: Readonly<Record<string, string>>): void => {
  for (const name of Object.keys(process.env)) if (ours.test(name) || proxies.test(name)) delete process.env[name];
  Object.assign(process.env, env, {
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    // The notice about coming Node versions is for people who choose them.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  });
};
