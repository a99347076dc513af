BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE audit (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at INTEGER NOT NULL, 
	station TEXT NOT NULL, 
	operator TEXT NOT NULL, 
	action TEXT NOT NULL, 
	chip_id TEXT, 
	reason TEXT DEFAULT '' NOT NULL, 
	detail TEXT DEFAULT '' NOT NULL
)
 STRICT

;
INSERT INTO "audit" VALUES(1,1760000014500,'jig-1','','hold','0102030405060708','020100 to a first call','set_aside api.conflict; cycle 3; DeviceID d88b4c0100000002 retired');
INSERT INTO "audit" VALUES(2,1760000015500,'jig-1','ann','label.reprint','0011223344556677','smeared','copy 2, effect 7');
CREATE TABLE cycles (
	cycle INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	station TEXT NOT NULL, 
	socket TEXT NOT NULL, 
	session TEXT NOT NULL, 
	started_at INTEGER NOT NULL, 
	ended_at INTEGER, 
	outcome TEXT, 
	code TEXT, 
	chip_id TEXT, 
	resumed INTEGER DEFAULT '0' NOT NULL, 
	label TEXT, 
	duration_s REAL, 
	message TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT cycles_outcome_known CHECK (outcome IN ('PASS', 'FAIL', 'ERROR', 'ABORTED')), 
	CONSTRAINT cycles_label_known CHECK (label IN ('printed', 'in_doubt', 'not_printed')), 
	CONSTRAINT cycles_ended_has_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
)
 STRICT

;
INSERT INTO "cycles" VALUES(1,'jig-1','A','2026/0011223344556677.jsonl.gz',1760000005500,1760000009500,'PASS',NULL,NULL,0,'printed',0.4,'');
INSERT INTO "cycles" VALUES(2,'jig-1','A','2026/8899AABBCCDDEEFF.jsonl.gz',1760000010000,1760000012000,'ERROR','api.answer_lost',NULL,0,'not_printed',0.4,'');
INSERT INTO "cycles" VALUES(3,'jig-1','A','2026/0102030405060708.jsonl.gz',1760000012500,1760000015000,'ERROR','api.conflict',NULL,0,'not_printed',0.4,'');
CREATE TABLE effects (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	station TEXT NOT NULL, 
	cycle INTEGER, 
	chip_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	state TEXT NOT NULL, 
	request TEXT NOT NULL, 
	detail TEXT DEFAULT '' NOT NULL, 
	attempts INTEGER DEFAULT '1' NOT NULL, 
	intended_at INTEGER NOT NULL, 
	settled_at INTEGER, 
	CONSTRAINT effects_kind_known CHECK (kind IN ('activate', 'bind', 'write', 'print')), 
	CONSTRAINT effects_state_known CHECK (state IN ('intent', 'done', 'not_done', 'in_doubt')), 
	CONSTRAINT effects_settled_or_open CHECK ((settled_at IS NULL) = (state IN ('intent', 'in_doubt'))), 
	CONSTRAINT effects_cycle_fk FOREIGN KEY(cycle) REFERENCES cycles (cycle), 
	CONSTRAINT effects_chip_id_fk FOREIGN KEY(chip_id) REFERENCES units (chip_id)
)
 STRICT

;
INSERT INTO "effects" VALUES(1,'jig-1',1,'0011223344556677','activate','done','{"chip_id": "0011223344556677", "app_eui": "70B3D57ED00001C0", "device_id": "d88b4c0100000000"}','',1,1760000006500,1760000007000);
INSERT INTO "effects" VALUES(2,'jig-1',1,'0011223344556677','bind','done','{"device_id": "d88b4c0100000000", "sn": "SN00000"}','',1,1760000007500,1760000008000);
INSERT INTO "effects" VALUES(3,'jig-1',1,'0011223344556677','write','done','{"device_id": "d88b4c0100000000", "address": null, "image": "00", "erase_pages": [], "steps": ""}','',1,1760000007500,1760000008000);
INSERT INTO "effects" VALUES(4,'jig-1',1,'0011223344556677','print','done','{"sn": "SN00000", "copy": 1}','~HS',1,1760000008500,1760000009000);
INSERT INTO "effects" VALUES(5,'jig-1',2,'8899AABBCCDDEEFF','activate','in_doubt','{"chip_id": "8899AABBCCDDEEFF", "app_eui": "70B3D57ED00001C0", "device_id": "d88b4c0100000001"}','answer lost',1,1760000011000,NULL);
INSERT INTO "effects" VALUES(6,'jig-1',3,'0102030405060708','activate','not_done','{"chip_id": "0102030405060708", "app_eui": "70B3D57ED00001C0", "device_id": "d88b4c0100000002"}','020100',1,1760000013500,1760000014000);
INSERT INTO "effects" VALUES(7,'jig-1',NULL,'0011223344556677','print','done','{"sn": "SN00000", "copy": 2}','',1,1760000015500,1760000016000);
CREATE TABLE id_batches (
	id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	station TEXT NOT NULL, 
	asked INTEGER NOT NULL, 
	accepted INTEGER DEFAULT '0' NOT NULL, 
	state TEXT NOT NULL, 
	detail TEXT DEFAULT '' NOT NULL, 
	requested_at INTEGER NOT NULL, 
	answered_at INTEGER, 
	CONSTRAINT id_batches_pk PRIMARY KEY (id), 
	CONSTRAINT id_batches_kind_known CHECK (kind IN ('device_id', 'sn')), 
	CONSTRAINT id_batches_state_known CHECK (state IN ('requested', 'answered', 'refused', 'lost')), 
	CONSTRAINT id_batches_asked_some CHECK (asked > 0)
)
 STRICT

;
INSERT INTO "id_batches" VALUES(1,'device_id','jig-1',6,6,'answered','',1760000001500,1760000002000);
INSERT INTO "id_batches" VALUES(2,'sn','jig-1',6,6,'answered','',1760000002500,1760000003000);
INSERT INTO "id_batches" VALUES(3,'sn','jig-1',50,0,'lost','time-out',1760000003500,1760000004000);
INSERT INTO "id_batches" VALUES(4,'device_id','jig-1',50,0,'refused','no licences',1760000004500,1760000005000);
CREATE TABLE ids (
	kind TEXT NOT NULL, 
	value TEXT NOT NULL, 
	state TEXT NOT NULL, 
	batch INTEGER, 
	chip_id TEXT, 
	CONSTRAINT ids_pk PRIMARY KEY (kind, value), 
	CONSTRAINT ids_kind_known CHECK (kind IN ('device_id', 'sn')), 
	CONSTRAINT ids_state_known CHECK (state IN ('free', 'reserved', 'named', 'used', 'retired')), 
	CONSTRAINT ids_free_has_no_chip CHECK ((state = 'free') = (chip_id IS NULL)), 
	CONSTRAINT ids_batch_fk FOREIGN KEY(batch) REFERENCES id_batches (id), 
	CONSTRAINT ids_chip_id_fk FOREIGN KEY(chip_id) REFERENCES units (chip_id)
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "ids" VALUES('device_id','d88b4c0100000000','used',1,'0011223344556677');
INSERT INTO "ids" VALUES('device_id','d88b4c0100000001','named',1,'8899AABBCCDDEEFF');
INSERT INTO "ids" VALUES('device_id','d88b4c0100000002','retired',1,'0102030405060708');
INSERT INTO "ids" VALUES('device_id','d88b4c0100000003','free',1,NULL);
INSERT INTO "ids" VALUES('device_id','d88b4c0100000004','free',1,NULL);
INSERT INTO "ids" VALUES('device_id','d88b4c0100000005','free',1,NULL);
INSERT INTO "ids" VALUES('sn','SN00000','used',2,'0011223344556677');
INSERT INTO "ids" VALUES('sn','SN00001','reserved',2,'8899AABBCCDDEEFF');
INSERT INTO "ids" VALUES('sn','SN00002','reserved',2,'0102030405060708');
INSERT INTO "ids" VALUES('sn','SN00003','free',2,NULL);
INSERT INTO "ids" VALUES('sn','SN00004','free',2,NULL);
INSERT INTO "ids" VALUES('sn','SN00005','free',2,NULL);
CREATE TABLE labels (
	effect INTEGER NOT NULL, 
	chip_id TEXT NOT NULL, 
	sn TEXT NOT NULL, 
	copy_number INTEGER NOT NULL, 
	fate TEXT NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	operator TEXT DEFAULT '' NOT NULL, 
	at INTEGER NOT NULL, 
	CONSTRAINT labels_pk PRIMARY KEY (effect), 
	CONSTRAINT labels_fate_known CHECK (fate IN ('printed', 'in_doubt', 'not_printed')), 
	CONSTRAINT labels_copies_counted CHECK (copy_number > 0), 
	CONSTRAINT labels_effect_fk FOREIGN KEY(effect) REFERENCES effects (id), 
	CONSTRAINT labels_chip_id_fk FOREIGN KEY(chip_id) REFERENCES units (chip_id)
)
 STRICT

;
INSERT INTO "labels" VALUES(4,'0011223344556677','SN00000',1,'printed','','',1760000008500);
INSERT INTO "labels" VALUES(7,'0011223344556677','SN00000',2,'printed','smeared','ann',1760000015500);
CREATE TABLE steps (
	cycle INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	step TEXT NOT NULL, 
	duration_s REAL NOT NULL, 
	CONSTRAINT steps_pk PRIMARY KEY (cycle, position), 
	CONSTRAINT steps_cycle_fk FOREIGN KEY(cycle) REFERENCES cycles (cycle)
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "steps" VALUES(1,0,'identify',0.031);
INSERT INTO "steps" VALUES(1,1,'reserve',0.002);
INSERT INTO "steps" VALUES(2,0,'identify',0.031);
INSERT INTO "steps" VALUES(2,1,'reserve',0.002);
INSERT INTO "steps" VALUES(3,0,'identify',0.031);
INSERT INTO "steps" VALUES(3,1,'reserve',0.002);
CREATE TABLE units (
	chip_id TEXT NOT NULL, 
	app_eui TEXT NOT NULL, 
	device_id TEXT, 
	sn TEXT, 
	station TEXT NOT NULL, 
	reserved_at INTEGER NOT NULL, 
	activated_at INTEGER, 
	bound_at INTEGER, 
	written_at INTEGER, 
	verified_at INTEGER, 
	shipped_at INTEGER, 
	scrapped_at INTEGER, 
	hold TEXT, 
	hold_code TEXT, 
	hold_reason TEXT, 
	labels_printed INTEGER DEFAULT '0' NOT NULL, 
	inferred INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT units_pk PRIMARY KEY (chip_id), 
	CONSTRAINT units_hold_known CHECK (hold IN ('in_doubt', 'set_aside')), 
	CONSTRAINT units_inferred_flag CHECK (inferred IN (0, 1)), 
	CONSTRAINT units_labels_counted CHECK (labels_printed >= 0), 
	CONSTRAINT units_activated_has_device_id CHECK (activated_at IS NULL OR device_id IS NOT NULL), 
	CONSTRAINT units_bound_has_sn CHECK (bound_at IS NULL OR (sn IS NOT NULL AND activated_at IS NOT NULL)), 
	CONSTRAINT units_written_is_activated CHECK (written_at IS NULL OR activated_at IS NOT NULL), 
	CONSTRAINT units_verified_is_written CHECK (verified_at IS NULL OR written_at IS NOT NULL), 
	CONSTRAINT units_shipped_is_bound CHECK (shipped_at IS NULL OR bound_at IS NOT NULL), 
	CONSTRAINT units_hold_has_code CHECK ((hold IS NULL) = (hold_code IS NULL)), 
	CONSTRAINT units_scrapped_is_held CHECK (scrapped_at IS NULL OR hold IS NOT NULL), 
	CONSTRAINT units_device_id_unique UNIQUE (device_id), 
	CONSTRAINT units_sn_unique UNIQUE (sn)
)
 STRICT

;
INSERT INTO "units" VALUES('0011223344556677','70B3D57ED00001C0','d88b4c0100000000','SN00000','jig-1',1760000006000,1760000007000,1760000008000,1760000008000,1760000008000,NULL,NULL,NULL,NULL,NULL,2,0);
INSERT INTO "units" VALUES('8899AABBCCDDEEFF','70B3D57ED00001C0','d88b4c0100000001','SN00001','jig-1',1760000010500,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0);
INSERT INTO "units" VALUES('0102030405060708','70B3D57ED00001C0','d88b4c0100000002','SN00002','jig-1',1760000013000,NULL,NULL,NULL,NULL,NULL,NULL,'set_aside','api.conflict','020100 to a first call',0,0);
CREATE INDEX units_reserved_at ON units (reserved_at);
CREATE INDEX units_held ON units (reserved_at) WHERE hold IS NOT NULL;
CREATE INDEX id_batches_unanswered ON id_batches (kind, state) WHERE state <> 'answered';
CREATE INDEX cycles_chip_id ON cycles (chip_id);
CREATE INDEX audit_chip_id ON audit (chip_id);
CREATE INDEX ids_unspent ON ids (kind, state, batch, value) WHERE state <> 'used';
CREATE UNIQUE INDEX effects_open ON effects (chip_id, kind) WHERE settled_at IS NULL;
CREATE INDEX effects_chip_id ON effects (chip_id);
CREATE INDEX labels_chip_id ON labels (chip_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('cycles',3);
INSERT INTO "sqlite_sequence" VALUES('effects',7);
INSERT INTO "sqlite_sequence" VALUES('audit',2);
COMMIT;
