// Key statements and the public key protocol: grammar, sessions of both sides, no sockets of their own.
export {
  appendStatementSignature,
  formatStatement,
  signStatement,
  statementInput,
} from "./format-statement.ts";
export {
  isSignedBy,
  judgeStatement,
  type StatementJudgement,
  type StatementQuery,
} from "./judge-statement.ts";
export { usablePublicKey } from "./public-key.ts";
export {
  type KeyState,
  type KeyStatement,
  MAX_GRANTS,
  parseStatement,
  type ReceivedStatement,
  type StatementResult,
} from "./statement.ts";
export {
  type StatementKeySourceOptions,
  StatementLineError,
  statementKeySource,
} from "./statement-key-source.ts";
