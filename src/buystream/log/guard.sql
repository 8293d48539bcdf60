-- Rights end at the table, and commands and events share theirs. So a user who may not become the owner of a partition
-- (which is to update its epoch) is kept from writing its events here.
CREATE OR REPLACE FUNCTION log.refuse_event() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    RAISE insufficient_privilege
        USING MESSAGE = format('permission denied for the events: %s is no decider', current_user);
END
$refuse$;

-- After, because COPY writes row by row where there is a trigger before it.
CREATE OR REPLACE TRIGGER only_deciders_write_events AFTER INSERT ON log.record
    FOR EACH ROW WHEN (
        NEW.topic = 'buystream.events' AND NOT has_column_privilege('log.partition'::regclass, 'epoch', 'UPDATE')
    ) EXECUTE FUNCTION log.refuse_event();

CREATE OR REPLACE TRIGGER only_deciders_move_events BEFORE UPDATE ON log.partition
    FOR EACH ROW WHEN (
        OLD.topic = 'buystream.events' AND NOT has_column_privilege('log.partition'::regclass, 'epoch', 'UPDATE')
    ) EXECUTE FUNCTION log.refuse_event();
