CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE calls (
	call_id TEXT NOT NULL,
	server_id TEXT NOT NULL,
	started_ms BIGINT NOT NULL,
	ended_ms BIGINT,
	scenario TEXT NOT NULL,
	transport TEXT NOT NULL,
	provider TEXT NOT NULL,
	model TEXT NOT NULL,
	mode TEXT NOT NULL,
	status TEXT NOT NULL,
	end_reason TEXT,
	duration_ms BIGINT NOT NULL,
	turns INTEGER NOT NULL,
	agents TEXT NOT NULL,
	cost FLOAT,
	tokens BIGINT NOT NULL,
	slowest_turn_ms BIGINT,
	trips INTEGER NOT NULL,
	errors INTEGER NOT NULL,
	has_audio BOOLEAN NOT NULL,
	audio_bytes BIGINT NOT NULL,
	bytes BIGINT NOT NULL,
	lost_events INTEGER NOT NULL,
	metadata TEXT NOT NULL,
	last_seq BIGINT NOT NULL,
	PRIMARY KEY (call_id)
);
CREATE TABLE events (
	call_id TEXT NOT NULL,
	seq BIGINT NOT NULL,
	at_ms BIGINT NOT NULL,
	kind TEXT NOT NULL,
	frame TEXT NOT NULL,
	PRIMARY KEY (call_id, seq),
	FOREIGN KEY(call_id) REFERENCES calls (call_id) ON DELETE CASCADE
);
CREATE TABLE utterances (
	id INTEGER NOT NULL,
	call_id TEXT NOT NULL,
	seq BIGINT NOT NULL,
	at_ms BIGINT NOT NULL,
	role TEXT NOT NULL,
	text TEXT NOT NULL,
	words TEXT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(call_id) REFERENCES calls (call_id) ON DELETE CASCADE
);
CREATE VIRTUAL TABLE utterances_fts USING fts5(words, content='utterances', content_rowid='id', tokenize='unicode61');
CREATE TABLE notes (
	note_id TEXT NOT NULL,
	call_id TEXT NOT NULL,
	at_ms BIGINT NOT NULL,
	seq BIGINT,
	text TEXT NOT NULL,
	created_ms BIGINT NOT NULL,
	PRIMARY KEY (note_id),
	FOREIGN KEY(call_id) REFERENCES calls (call_id) ON DELETE CASCADE
);
CREATE TABLE audit (
	id INTEGER NOT NULL,
	at_ms BIGINT NOT NULL,
	action TEXT NOT NULL,
	actor TEXT NOT NULL,
	call_id TEXT,
	detail TEXT,
	PRIMARY KEY (id)
);
CREATE INDEX calls_by_start ON calls (started_ms, call_id);
CREATE INDEX calls_by_status ON calls (status);
CREATE UNIQUE INDEX utterances_by_call ON utterances (call_id, seq);
CREATE INDEX notes_by_call ON notes (call_id);
CREATE INDEX audit_by_time ON audit (at_ms);
CREATE TRIGGER utterances_inserted AFTER INSERT ON utterances BEGIN INSERT INTO utterances_fts(rowid, words) VALUES (new.id, new.words); END;
CREATE TRIGGER utterances_deleted AFTER DELETE ON utterances BEGIN INSERT INTO utterances_fts(utterances_fts, rowid, words) VALUES ('delete', old.id, old.words); END;
CREATE TRIGGER utterances_updated AFTER UPDATE OF words ON utterances BEGIN INSERT INTO utterances_fts(utterances_fts, rowid, words) VALUES ('delete', old.id, old.words); INSERT INTO utterances_fts(rowid, words) VALUES (new.id, new.words); END;
INSERT INTO "alembic_version" VALUES('0003');
INSERT INTO "calls" VALUES('call_1','server_test',1796040000000,1796040000000,'shop','websocket','local','engine','full','ended','caller hung up',0,1,'["host"]',NULL,12,700,0,0,0,0,1181,0,'{"customer":"7"}',11);
INSERT INTO "events" VALUES('call_1',1,0,'call.started','{"seq":1,"at_ms":0,"kind":"call.started","call_id":"call_1","scenario":"shop","agent":"host","transport":"websocket","provider":"local","model":"engine","started_at":"2026-11-30T12:00:00.000+00:00","metadata":{"customer":"7"}}');
INSERT INTO "events" VALUES('call_1',2,0,'agent.changed','{"seq":2,"at_ms":0,"kind":"agent.changed","agent":"host"}');
INSERT INTO "events" VALUES('call_1',3,0,'message.added','{"seq":3,"at_ms":0,"kind":"message.added","item_id":"item_0","role":"user","spoken":true}');
INSERT INTO "events" VALUES('call_1',4,0,'message.delta','{"seq":4,"at_ms":0,"kind":"message.delta","item_id":"item_0","text":"Where is my order"}');
INSERT INTO "events" VALUES('call_1',5,0,'message.done','{"seq":5,"at_ms":0,"kind":"message.done","item_id":"item_0","role":"user","text":"Where is my order"}');
INSERT INTO "events" VALUES('call_1',6,0,'message.added','{"seq":6,"at_ms":0,"kind":"message.added","item_id":"item_1","role":"assistant","spoken":true}');
INSERT INTO "events" VALUES('call_1',7,0,'message.delta','{"seq":7,"at_ms":0,"kind":"message.delta","item_id":"item_1","text":"It is on its way"}');
INSERT INTO "events" VALUES('call_1',8,0,'message.done','{"seq":8,"at_ms":0,"kind":"message.done","item_id":"item_1","role":"assistant","text":"It is on its way"}');
INSERT INTO "events" VALUES('call_1',9,0,'turn.latency','{"seq":9,"at_ms":0,"kind":"turn.latency","item_id":"item_1","total_ms":700,"parts":[],"after":"speech"}');
INSERT INTO "events" VALUES('call_1',10,0,'usage.updated','{"seq":10,"at_ms":0,"kind":"usage.updated","source":"response","model":"engine","tokens":{"input_text":5,"output_audio":7},"total":{"input_text":5,"output_audio":7}}');
INSERT INTO "events" VALUES('call_1',11,0,'call.ended','{"seq":11,"at_ms":0,"kind":"call.ended","reason":"caller hung up"}');
INSERT INTO "utterances" VALUES(1,'call_1',5,0,'user','Where is my order','where is my order');
INSERT INTO "utterances" VALUES(2,'call_1',8,0,'assistant','It is on its way','it is on its way');
CREATE TABLE servers (
	server_id TEXT NOT NULL,
	address TEXT NOT NULL,
	heartbeat_ms BIGINT NOT NULL,
	is_draining BOOLEAN DEFAULT 0 NOT NULL,
	PRIMARY KEY (server_id)
);
CREATE TABLE live_calls (
	call_id TEXT NOT NULL,
	owner TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	record TEXT NOT NULL,
	released_ms BIGINT,
	PRIMARY KEY (call_id)
);
CREATE INDEX live_calls_by_owner ON live_calls (owner);
CREATE TABLE live_events (
	call_id TEXT NOT NULL,
	seq BIGINT NOT NULL,
	frame TEXT NOT NULL,
	PRIMARY KEY (call_id, seq),
	FOREIGN KEY(call_id) REFERENCES live_calls (call_id) ON DELETE CASCADE
);
INSERT INTO "servers" VALUES('server_1','http://127.0.0.1:4000',1796000000000,0);
INSERT INTO "live_calls" VALUES('call_live','server_1',1,'{"call_id":"call_live"}',NULL);
INSERT INTO "live_events" VALUES('call_live',1,'{"seq":1,"at_ms":0,"kind":"agent.changed","agent":"host"}');
CREATE TABLE compatibility (
	oldest_schema TEXT NOT NULL,
	PRIMARY KEY (oldest_schema)
);
INSERT INTO "compatibility" VALUES('0003');
ALTER TABLE events RENAME TO event_blocks;
ALTER TABLE event_blocks RENAME COLUMN seq TO last_seq;
ALTER TABLE event_blocks RENAME COLUMN frame TO frames;
ALTER TABLE event_blocks ADD COLUMN first_seq BIGINT NOT NULL DEFAULT 0;
UPDATE event_blocks SET first_seq = last_seq;
ALTER TABLE event_blocks DROP COLUMN at_ms;
ALTER TABLE event_blocks DROP COLUMN kind;
UPDATE compatibility SET oldest_schema = '0004';
UPDATE alembic_version SET version_num = '0004';
