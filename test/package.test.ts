// What is published works where only it is installed: packed, installed into an empty project on this Node, with its types.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { createSecureContext } from "node:tls";
import { promisify } from "node:util";
import { DnsServer } from "../src/dns/index.ts";
import { KeyServer } from "../src/key-server/index.ts";
import { RecordingRelay } from "../src/nodemailer/test-relay.ts";
import { VaultServer } from "../src/vault/index.ts";
import { KeyList } from "./support/authors.ts";
import { createAuthority } from "./support/certificates.ts";
import type { World } from "./support/installed-driver.ts";
import { openLocalVault } from "./support/local-vault.ts";

const root = dirname(import.meta.dirname);
const { version, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const folder = mkdtempSync(join(tmpdir(), "vsmtp-package-"));
const project = join(folder, "project");
const run = promisify(execFile);
// npm as well runs by the Node that runs this test.
const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` };
let packed: string[] = [];

before(async () => {
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: root, env });
  // In front of npm's JSON stands what building says.
  const [{ files }] = JSON.parse(stdout.slice(stdout.search(/^\[/m)));
  packed = files.map(({ path }: { path: string }) => path);
  await install(join(folder, `vsmtp-${version}.tgz`));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** What npm has fetched for this checkout it need not fetch again. */
async function install(...what: readonly string[]): Promise<void> {
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"];
  await run("npm", ["install", ...quiet, ...what], { cwd: project, env });
}

/** The strictest a program may be, to which the declarations of all that it imports belong. */
async function checkTypes(include: readonly string[]): Promise<void> {
  const compilerOptions = {
    module: "nodenext",
    target: "es2024",
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include }));
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  await run(process.execPath, [compiler, "-p", "."], { cwd: project, env }).catch(({ stdout }) =>
    assert.fail(stdout),
  );
}

test("the package holds the program and what its users read, no tests and no sources", (t) => {
  const folders = new Set(packed.map((path) => path.split("/")[0]));
  const expected = [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "bin",
    "decisions",
    "dist",
    "docs",
    "package.json",
    "spec",
  ];
  assert.deepEqual([...folders].sort(), [...expected, "vsmtp.example.toml"].sort());
  const wrong = packed.filter((path) =>
    /\.test\.|(^|\/)test-|(^|\/)vectors\/|(?<!\.d)\.ts$|\.map$/.test(path),
  );
  assert.deepEqual(wrong, []);
  for (const path of ["dist/index.js", "dist/index.d.ts", "dist/nodemailer/index.d.ts", "docs/library.md"]) {
    assert.ok(packed.includes(path), path);
  }
  const archive = statSync(join(folder, `vsmtp-${version}.tgz`)).size;
  t.diagnostic(`${packed.length} files, ${kib(archive)} packed; ${kib(octetsBelow(project))} installed`);
  assert.ok(archive < 2 << 20, kib(archive));
});

test("its types are whole where nothing else is installed, and its JavaScript loads", async () => {
  const program = `import { KeyLookup, sign, verify } from "vsmtp";
import { signing, SigningTransport } from "vsmtp/nodemailer";
console.log([KeyLookup, sign, verify, signing, SigningTransport].map((what) => typeof what).join());
`;
  writeFileSync(join(project, "all.ts"), program);
  await checkTypes(["all.ts"]);
  const { stdout } = await run(process.execPath, ["all.ts"], { cwd: project, env });
  assert.equal(stdout, "function,function,function,function,function\n");
  const required = 'console.log(Object.keys(require("vsmtp")).length > 50)';
  const old = await run(process.execPath, ["--input-type=commonjs", "-e", required], { cwd: project, env });
  assert.equal(old.stdout, "true\n");
});

test("npx finds the command", async () => {
  const { stdout } = await run("npx", ["--no-install", "vsmtp", "--help"], { cwd: project, env });
  assert.match(stdout, /^Usage: vsmtp COMMAND/);
  const shown = await run("npx", ["--no-install", "vsmtp", "--version"], { cwd: project, env });
  assert.equal(shown.stdout.trim(), version);
});

test("the examples are typed and do what docs/library.md says", async (t) => {
  await install(`nodemailer@${devDependencies.nodemailer}`, `mailparser@${devDependencies.mailparser}`);
  cpSync(join(root, "examples"), join(project, "examples"), { recursive: true });
  mkdirSync(join(project, "test/support"), { recursive: true });
  const driver = "test/support/installed-driver.ts";
  cpSync(join(root, driver), join(project, driver));
  await checkTypes(["examples", "test"]);

  const { relay, world } = await openWorld(t);
  writeFileSync(join(project, "world.json"), JSON.stringify(world));
  const drive = async (job: string): Promise<unknown> => {
    const { stdout } = await run(process.execPath, [driver, job, "world.json"], {
      cwd: project,
      env,
      timeout: 30_000,
    });
    return JSON.parse(stdout);
  };
  assert.deepEqual(await drive("send"), {
    accepted: ["bob@dest.test", "eve@dest.test"],
    vaulted: ["dave@dest.test"],
  });
  const { message } = relay.for("bob@dest.test");
  assert.match(relay.for("dave@dest.test").message.toString(), /^VSMTP-Signature: [\s\S]*\r\nFrom: allice@/);
  writeFileSync(world.message, message);
  for (const name of ["new", "cur"]) mkdirSync(join(world.maildir, name), { recursive: true });
  const asStored = message.toString("latin1").replaceAll("\r\n", "\n");
  writeFileSync(join(world.maildir, "cur", "1.a.host:2,S"), asStored, "latin1");
  writeFileSync(join(world.maildir, "new", "2.b.host"), asStored.replace("Noon", "Now"), "latin1");
  const { border, ...read } = (await drive("read")) as { border: [action: string, header: string] };
  assert.equal(border[0], "deliver");
  assert.match(
    border[1],
    /^Authentication-Results: mx\.dest\.test;\r\n vsmtp=pass header\.i=allice@someisp\.test/,
  );
  assert.match(border[1], /\r\n spf=[\s\S]*\r\nVSMTP-Signature: /);
  assert.deepEqual(read, {
    maildir: ["the body was altered after signing", "signed by allice@someisp.test"],
    stream: ["pass", "match"],
    parsed: ["pass", "allice@someisp.test", "Lunch – today?"],
    lookup: "found",
  });
});

test("docs/library.md shows the examples as they are", () => {
  const page = readFileSync(join(root, "docs/library.md"), "utf8");
  const blocks = [...page.matchAll(/^\[(examples\/[a-z-]+\.ts)\][\s\S]*?\n\n```ts\n([\s\S]*?)^```$/gm)];
  assert.deepEqual(
    blocks.map(([, name]) => name).sort(),
    readdirSync(join(root, "examples"))
      .map((name) => `examples/${name}`)
      .sort(),
  );
  for (const [, name, code] of blocks)
    assert.equal(code, readFileSync(join(root, name as string), "utf8"), name);
});

/** The domain someisp.test with its key server and its vault, and a server that takes mail. */
async function openWorld(t: TestContext): Promise<{ relay: RecordingRelay; world: World }> {
  const authority = await createAuthority();
  const context = createSecureContext(await authority.issue(["mx.someisp.test"]));
  const directory = new KeyList();
  const author = directory.author("allice@someisp.test");
  const keyServer = new KeyServer({ directory, secureContext: () => context, exposure: "kid" });
  const dns = new DnsServer();
  dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]] });
  dns.set("mx.someisp.test", { A: ["127.0.0.1"] });
  const relay = new RecordingRelay();
  await relay.listen();
  const { store, keyring, access } = await openLocalVault(join(folder, "keyring.db"));
  assert.ok((await keyring.addDomain("someisp.test")).ok);
  assert.ok((await keyring.addAccount({ address: "allice@someisp.test" })).ok);
  const proof = { kind: "unix-socket", user: userInfo().username, group: null } as const;
  assert.ok(
    (await keyring.enrol({ name: "news", proof, scope: ["*"], modes: ["sign"], mayAssert: true })).ok,
  );
  const vault = new VaultServer({ ...access, enrolments: () => store.enrolments() });
  await vault.start();
  const sockets = join(folder, "vault");
  await vault.listenUnix(sockets);
  t.after(async () => {
    await Promise.all([vault.close(0), relay.close(), keyServer.close(0), dns.close()]);
    await store.close();
  });
  const keyFile = join(folder, "allice.pem");
  writeFileSync(keyFile, author.key.privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  const world = {
    dnsPort: (await dns.listen()).port,
    keyPort: (await keyServer.listen(0, "127.0.0.1")).port,
    authority: authority.cert,
    relay: `smtp://127.0.0.1:${relay.port}`,
    keyFile,
    kid: author.key.kid,
    vaultSocket: join(sockets, "news.sock"),
    maildir: join(folder, "maildir"),
    message: join(folder, "message.eml"),
  };
  return { relay, world };
}

function octetsBelow(path: string): number {
  const names = readdirSync(path, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function kib(octets: number): string {
  return `${Math.round(octets / 1024)} KiB`;
}
