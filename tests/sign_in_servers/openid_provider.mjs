// A real OpenID provider for the browser tests. Its own pages accept any name and password; the name is the account.
// Started with PORT and PORTAL, the address of the portal; see tests/portal/single_sign_on/test_browser.py.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const found = createRequire(`${process.env.MODULES}/package.json`).resolve("oidc-provider");
const { Provider } = await import(pathToFileURL(found));
const { PORT, PORTAL, CLIENT_SECRET } = process.env;
const people = {
  lena: { name: "Lena Fischer", email: "lena@northwind.example", email_verified: true },
  rita: { name: "Rita Novak", email: "rita.novak@northwind.example", email_verified: true },
};

const provider = new Provider(`http://localhost:${PORT}`, {
  clients: [
    {
      client_id: "countersign",
      client_secret: CLIENT_SECRET,
      redirect_uris: [`${PORTAL}/account/sso/northwind/callback/`],
      backchannel_logout_uri: `${PORTAL}/account/sso/northwind/logout/`,
      backchannel_logout_session_required: true,
      require_auth_time: true,
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"] },
  features: { backchannelLogout: { enabled: true } },
  // The portal is on this machine, which the provider's own way of asking forbids.
  fetch: (address, { dispatcher, ...options }) => globalThis.fetch(address, options),
  findAccount: (_, sub) => people[sub] && { accountId: sub, claims: () => ({ sub, ...people[sub] }) },
  pkce: { required: () => true },
});
provider.on("backchannel.error", (_, error) => console.log("back-channel logout failed:", error));
provider.listen(Number(PORT), "localhost", () => console.log("ready"));
