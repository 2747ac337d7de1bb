import time, pytest, cProfile, pstats
from governance.demo.loading import load
from governance.demo.stories import daily_sweeps
from django.utils import timezone
pytestmark = pytest.mark.process
def test_time(database, monkeypatch):
    total=[0.0,0]; old=daily_sweeps._sweep
    mail=[0.0]; oldm=load._send
    def sweep(now):
        t=time.process_time(); old(now); total[0]+=time.process_time()-t; total[1]+=1
    def send(now):
        t=time.process_time(); oldm(now); mail[0]+=time.process_time()-t
    monkeypatch.setattr(daily_sweeps,"_sweep",sweep); monkeypatch.setattr(load,"_send",send)
    with database("northwind_tmp"):
        t=time.process_time(); w=time.monotonic()
        try:
            load.play_past(timezone.now())
        finally:
            print("CPU",time.process_time()-t,"wall",time.monotonic()-w,"sweeps",total,"mail",mail)
