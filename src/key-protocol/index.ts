// Key statements and the public key protocol: grammar and sessions of both sides. Sockets are passed in.
export { type DecoyKey, decoyKey } from "./decoy-key.ts";
export {
  formatStatement,
  signStatement,
  statementInput,
} from "./format-statement.ts";
export {
  ALPN,
  type ErrorCode,
  type Exposure,
  isPermanent,
  KEY_PORT,
  type KeyRequest,
  MAX_PIPELINED,
  MAX_REPLY_OCTETS,
  MAX_STATEMENTS,
  parseKeyRequest,
  parseReplyLine,
  type ReplyLine,
} from "./grammar.ts";
export { issueStatement, type StatementIssuer } from "./issue-statement.ts";
export {
  judgeStatement,
  type StatementJudgement,
  type StatementQuery,
} from "./judge-statement.ts";
export { KeyConnection, type KeyConnectionOptions, type KeyResponse } from "./key-connection.ts";
export { activeKeyEnd, RETIREMENT_S } from "./key-times.ts";
export {
  type Dialer,
  type KeyTarget,
  type OpenOptions,
  type OpenResult,
  openKeyConnection,
} from "./open-connection.ts";
export type { PeerCertificate } from "./peer-certificate.ts";
export { usablePublicKey } from "./public-key.ts";
export {
  type KeyReply,
  type KeyResponder,
  KeyServerSession,
  type ServerSessionOptions,
  type SessionStep,
} from "./server-session.ts";
export {
  formatStaple,
  judgeStaple,
  readStaples,
  STAPLE_FIELD,
} from "./staple.ts";
export {
  type KeyState,
  type KeyStatement,
  MAX_GRANTS,
  parseStatement,
  type ReceivedStatement,
  type StatementResult,
} from "./statement.ts";
export { isSignedBy } from "./statement-facts.ts";
export {
  type StatementKeySourceOptions,
  StatementLineError,
  statementKeySource,
} from "./statement-key-source.ts";
