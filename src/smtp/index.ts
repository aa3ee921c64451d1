// SMTP: the receiving side (a strict server of our own) and the sending side (a strict client), apart from what is
// done with the mail.

export type { AgreedTls } from "./client/agreed-tls.ts";
export { xclientCommands, xforwardCommands } from "./client/identity-commands.ts";
export { type OpenResult, openSmtp } from "./client/open.ts";
export {
  type ClientDeadlines,
  type ClientTls,
  type Dialer,
  type DialTarget,
  defaultClientDeadlines,
  type OutgoingMessage,
  type OutgoingRecipient,
  type SmtpClientOptions,
  type TcpTarget,
  type UnixTarget,
} from "./client/options.ts";
export type { Failure, RecipientOutcome, Stage } from "./client/outcome.ts";
export type { PeerCertificates } from "./client/peer-certificates.ts";
export type { SmtpClient } from "./client/smtp-client.ts";
export type { OutgoingEnvelope, StepOutcome, StepwiseTransaction } from "./client/stepwise.ts";
export { type ClientIdentity, canonicalIp, type SocketPlace, unknownClient } from "./client-identity.ts";
export { isDomainOrLiteral, type Mailbox, parseMailbox } from "./mailbox.ts";
export type { ProxyHeaderOptions } from "./proxy-header.ts";
export { formatReceivedField, type ReceivedFieldOptions } from "./received-field.ts";
export { formatReply, isPositive, type Reply, reply } from "./reply.ts";
export {
  BufferedSink,
  type BufferedSinkOptions,
  busyReply,
  OctetBudget,
} from "./server/buffered-sink.ts";
export type {
  AbortReason,
  Assertion,
  AuthExchange,
  AuthStep,
  Awaitable,
  ContentFault,
  DataSink,
  Envelope,
  EnvelopeRecipient,
  Notify,
  Protocol,
  SessionInfo,
  SmtpHandler,
  TlsInfo,
  Withheld,
} from "./server/handler.ts";
export { defaultDeadlines, defaultLimits, type ServerDeadlines, type ServerLimits } from "./server/limits.ts";
export type { OptionalExtension } from "./server/optional-extension.ts";
export type { CloseReason, ServerEvent, SmtpServerOptions, TlsMode } from "./server/options.ts";
export { SmtpServer } from "./server/server.ts";
export type { TrustedHosts } from "./server/trusted-hosts.ts";
export { decodeUtf8Address, decodeXtext, encodeUtf8Address } from "./xtext.ts";
